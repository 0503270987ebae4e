for (const name of ['PATH', 'HOME', 'AUGHT_ROOT_KEY', 'TEST_POSTGRES']) if (process.env[name]) console.log('ESCAPED', name);
