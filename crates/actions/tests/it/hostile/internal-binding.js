const { internalBinding } = require('internal/test/binding');
if (internalBinding) console.log('ESCAPED');
