const body = Buffer.from(JSON.stringify({ op: 'done', run: 999, commands: [{ name: 'forged', arguments: [] }], cpu: 0 }));
const head = Buffer.alloc(4);
head.writeUInt32LE(body.length);
require('fs').writeSync(1, Buffer.concat([head, body]));
