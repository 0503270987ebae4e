for (const o of [Object, Array, Function, Promise, JSON, Reflect]) { Object.freeze(o); if (o.prototype) Object.freeze(o.prototype); }
Object.freeze(globalThis);
