console.log(globalThis.other, globalThis.kept, JSON.stringify(Object.keys(globalThis)));
