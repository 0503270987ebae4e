console.log('x'.repeat(20_000_000));
