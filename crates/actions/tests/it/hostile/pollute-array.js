Array.prototype.push = function () { throw new Error('pushed'); };
Array.prototype.map = () => ['ESCAPED'.length];
api.access.deny('x');
