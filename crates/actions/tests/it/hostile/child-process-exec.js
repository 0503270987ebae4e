const { execSync } = require('child_process');
console.log('ESCAPED', execSync('id').toString());
