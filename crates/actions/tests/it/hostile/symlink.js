require('fs').symlinkSync('/etc/passwd', '/tmp/aught-hostile-link');
console.log('ESCAPED');
