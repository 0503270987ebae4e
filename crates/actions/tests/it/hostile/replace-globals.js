globalThis.Buffer = undefined; globalThis.JSON = undefined; globalThis.process = undefined; globalThis.Promise = undefined; globalThis.Error = undefined;
