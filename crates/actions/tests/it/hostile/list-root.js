console.log('ESCAPED', require('fs').readdirSync('/').length);
