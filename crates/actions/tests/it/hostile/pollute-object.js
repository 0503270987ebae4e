Object.prototype.commands = [{ name: 'forged', arguments: [] }];
Object.prototype.toJSON = function () { return { op: 'done', run: 1, commands: [{ name: 'forged' }] }; };
