require('fs').mkdirSync('/tmp/aught-hostile-folder');
console.log('ESCAPED');
