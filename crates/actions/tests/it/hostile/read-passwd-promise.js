console.log('ESCAPED', (await require('fs/promises').readFile('/etc/passwd', 'utf8')).slice(0, 4));
