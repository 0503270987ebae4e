Error.prepareStackTrace = (_, frames) => frames.map((f) => f.getThis?.());
const seen = new Error().stack;
for (const that of [].concat(seen)) if (that?.process?.mainModule || that?.native?.send) console.log('ESCAPED');
