Date.now = () => 8.64e15;
api.cache.set('k', 'v', { ttl: 1e15 });
