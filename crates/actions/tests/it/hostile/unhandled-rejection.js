Promise.reject(new Error('nobody'));
await new Promise((go) => setTimeout(go, 20));
