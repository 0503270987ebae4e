const fs = process._linkedBinding('fs');
if (fs) console.log('ESCAPED');
