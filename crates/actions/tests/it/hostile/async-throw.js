setTimeout(() => { throw new Error('later'); }, 0);
await new Promise((go) => setTimeout(go, 50));
