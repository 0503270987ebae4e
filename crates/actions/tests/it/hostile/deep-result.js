let o = {};
const top = o;
for (let i = 0; i < 100_000; i += 1) { o.o = {}; o = o.o; }
api.user.setAppMetadata('k', top);
