const { Worker } = require('worker_threads');
await new Promise((go, no) => { const w = new Worker('require("worker_threads").parentPort.postMessage(1)', { eval: true }); w.on('message', go); w.on('error', no); });
console.log('ESCAPED');
