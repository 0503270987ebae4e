const { get } = Map.prototype;
Map.prototype.get = function (key) { const found = get.call(this, key); console.log(JSON.stringify(found?.secrets), JSON.stringify([...this])); return found; };
