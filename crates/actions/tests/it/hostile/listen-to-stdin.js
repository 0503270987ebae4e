process.stdin.on?.('data', (d) => console.log('ESCAPED', d));
process.stdin.resume?.();
