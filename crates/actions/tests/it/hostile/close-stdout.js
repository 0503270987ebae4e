require('fs').closeSync(1);
