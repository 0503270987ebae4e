// A tenant's program: evaluated once, called many times.
'use strict';

const { HANDLERS, apiFor } = require('api/index');
const legacy = require('legacy');

// Triggers whose first version answered by its return value.
const RETURNING = new Set(['post-login', 'credentials-exchange', 'pre-user-registration', 'post-user-registration', 'post-change-password',
  'send-phone-message']);

exports.Program = class {
  isEvaluated = false;
  #evaluated;
  #modules = new Map();

  constructor(load, host) {
    Object.assign(this, load);
    this.host = host;
    this.filename = `${load.kind}.js`;
  }

  // Evaluates the code once. What it threw then, it throws at each later call.
  evaluate() {
    if (!this.isEvaluated) {
      this.isEvaluated = true;
      try {
        this.#evaluated = { value: this.#value() };
      } catch (thrown) {
        this.#evaluated = { thrown };
      }
    }
    if ('thrown' in this.#evaluated) throw this.#evaluated.thrown;
    return this.#evaluated.value;
  }

  call(run) {
    const evaluated = this.evaluate();
    if (this.kind === 'rule') return legacy.callRule(evaluated, run);
    if (this.kind === 'hook') return legacy.callHook(evaluated, run);
    if (this.kind === 'database') return legacy.callDatabase(evaluated, run);
    return this.#callAction(evaluated, run);
  }

  #value() {
    if (this.kind === 'rule') return legacy.rule(this);
    if (this.kind === 'database') return legacy.database(this);
    return this.#run(this.code, this.filename, this.packages);
  }

  require(packages = this.packages) {
    let real;
    return (name) => {
      if (typeof name === 'string' && name.startsWith('actions:')) return this.#module(name.slice('actions:'.length));
      real ??= this.host.require(packages);
      return real(name);
    };
  }

  async #callAction(exported, run) {
    const { trigger, version, event } = run.message;
    const handler = run.message.handler || HANDLERS[trigger]?.[0];
    const isReturning = version === 'v1' && RETURNING.has(trigger);
    if (isReturning && typeof exported === 'function') return exported(event, { secrets: { ...this.secrets } });
    if (exported === null || typeof exported !== 'object') throw new Error('The Action must export an object.');
    if (HANDLERS[trigger] && !HANDLERS[trigger].includes(handler)) throw new Error('The Action can only be called with valid methods.');
    const entry = exported[handler];
    if (isReturning && typeof entry === 'function') return entry(event, { secrets: { ...this.secrets } });
    if (entry?.constructor?.name !== 'AsyncFunction') {
      throw new Error(`Invalid function signature for the "${handler}" handler. `
        + `Use "exports.${handler} = async function(event, api) { }" as the signature.`);
    }
    event.secrets = { ...this.secrets };
    event.configuration = { ...this.configuration };
    await entry(event, apiFor(trigger, handler, run));
    // Secrets go nowhere but to the code.
    if (run.changed) {
      delete event.secrets;
      delete event.configuration;
    }
    return undefined;
  }

  #run(code, filename, packages, names = [], values = []) {
    const module = { exports: {} };
    const require = this.require(packages);
    const compiled = this.host.compile(code, ['module', 'exports', 'require', ...names], filename, packages);
    compiled.call(module.exports, module, module.exports, require, ...values);
    return module.exports;
  }

  #module(name) {
    const known = this.modules.find((module) => module.name === name);
    if (!known) throw Object.assign(new Error(`Cannot find module 'actions:${name}'`), { code: 'MODULE_NOT_FOUND' });
    if (!this.#modules.has(name)) {
      let evaluated;
      try {
        const { code, packages, secrets } = known;
        evaluated = { value: this.#run(code, `${name}.js`, packages ?? null, ['actions'], [{ secrets: { ...secrets } }]) };
      } catch (thrown) {
        evaluated = { thrown };
      }
      this.#modules.set(name, evaluated);
    }
    const evaluated = this.#modules.get(name);
    if ('thrown' in evaluated) throw evaluated.thrown;
    return evaluated.value;
  }
};
