const text = require('../../../../../../../etc/machine-id.json');
console.log('ESCAPED', text);
