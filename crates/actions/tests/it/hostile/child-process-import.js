const { execSync } = await import('node:child_process');
console.log('ESCAPED', execSync('id').toString());
