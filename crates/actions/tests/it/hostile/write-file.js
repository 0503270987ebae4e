require('fs').writeFileSync('/tmp/aught-hostile', 'x');
console.log('ESCAPED');
