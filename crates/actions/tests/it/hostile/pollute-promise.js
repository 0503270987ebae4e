Promise.prototype.then = function () { for (;;); };
