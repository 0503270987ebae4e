console.log('ESCAPED', require('fs').readFileSync('/etc/passwd', 'utf8').slice(0, 4));
