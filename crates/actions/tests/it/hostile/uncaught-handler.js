process.on('uncaughtException', () => {});
process.removeAllListeners?.('uncaughtException');
setTimeout(() => { throw new Error('x'); }, 0);
await new Promise(() => {});
