require('fs').writeSync(1, Buffer.alloc(4096, 0xff));
await new Promise(() => {});
