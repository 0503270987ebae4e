Array.prototype[Symbol.iterator] = function* () { yield 'ESCAPED'.length; };
String.prototype.split = () => [];
Map.prototype.get = () => undefined;
