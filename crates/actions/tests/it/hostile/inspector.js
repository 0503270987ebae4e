require('inspector').open(0);
console.log('ESCAPED');
