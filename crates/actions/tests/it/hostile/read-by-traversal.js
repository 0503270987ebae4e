const text = require('/etc/hosts');
console.log('ESCAPED', text);
