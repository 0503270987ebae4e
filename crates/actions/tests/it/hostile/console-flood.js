for (;;) console.log('flood'.repeat(100));
