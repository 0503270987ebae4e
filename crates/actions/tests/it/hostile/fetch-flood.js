await Promise.all(Array.from({ length: 5000 }, () => fetch('https://api.example/x').catch(() => {})));
