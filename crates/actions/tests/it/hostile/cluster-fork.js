require('cluster').fork();
console.log('ESCAPED');
