new WebAssembly.Memory({ initial: 65536, maximum: 65536 });
const kept = [];
for (let i = 0; i < 100; i += 1) { const m = new WebAssembly.Memory({ initial: 1024 }); new Uint8Array(m.buffer).fill(1); kept.push(m); }
