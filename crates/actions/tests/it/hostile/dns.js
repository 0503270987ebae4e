const [address] = await require('dns').promises.resolve('localhost');
console.log('ESCAPED', address);
