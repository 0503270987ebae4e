(function () {
  "use strict";
  var value = given.value, values = {}, hidden = Object.assign({}, given.hidden), isValid = true, handler = null, uid = 0;
  var tell = function (message) { parent.postMessage(message, "*"); };
  var measure = function () { tell({ type: "height", height: document.documentElement.offsetHeight }); };
  var current = function () { return handler && typeof handler.getValue === "function" ? handler.getValue() : value; };
  var field = function (id) {
    return given.fields.indexOf(id) < 0 ? null : {
      getNode: function () { return null; },
      getValue: function () { return values[id]; },
      setRequired: function (isRequired) { tell({ type: "required", id: id, isRequired: !!isRequired }); }
    };
  };
  var context = {
    custom: {
      getValue: function () { return value; },
      setValue: function (next) { value = next; tell({ type: "set", value: next }); },
      createUid: function () { uid += 1; return given.name + "-" + uid; },
      getParams: function () { return given.params; }
    },
    form: {
      getId: function () { return given.form; },
      getRoot: function () { return document.body; },
      goForward: function () { tell({ type: "go", forward: true }); },
      goPrevious: function () { tell({ type: "go", forward: false }); },
      isValid: function () { return isValid; },
      validate: function () { tell({ type: "validate" }); return isValid; },
      getAllHiddenFields: function () { return Object.assign({}, hidden); },
      setHiddenField: function (key, next) { hidden[key] = next; tell({ type: "hidden", key: String(key), value: next }); },
      getValues: function () { return Object.assign({}, values); },
      getField: field
    }
  };
  var load = function (scripts, done) {
    var script = scripts.shift();
    if (!script) return done();
    var element = Object.assign(document.createElement("script"), typeof script === "string" ? { src: script } : script);
    element.onload = element.onerror = function () { load(scripts, done); };
    document.head.appendChild(element);
  };
  var call = function (name, argument) { if (handler && typeof handler[name] === "function") handler[name](argument); };
  window.addEventListener("message", function (event) {
    if (event.source !== parent || !event.data) return;
    var type = event.data.type;
    if (type === "values") {
      values = event.data.values;
      isValid = event.data.isValid;
      call("update", given.params);
    }
    if (type === "block" || type === "unblock") call(type);
    if (type === "value") {
      try {
        tell({ type: "value", value: current() });
      } catch (error) {
        tell({ type: "value", error: String(error && error.message || error) });
      }
    }
  });
  document.addEventListener("focusin", function () { call("onFocus"); });
  document.addEventListener("focusout", function () { call("onBlur"); });
  handler = (0, eval)("(" + code + "\n)")(context) || {};
  load(typeof handler.getScripts === "function" ? [].concat(handler.getScripts() || []) : [], function () {
    var shown = typeof handler.init === "function" ? handler.init(given.params) : null;
    if (shown instanceof Node) document.body.appendChild(shown);
    else if (typeof shown === "string") document.body.insertAdjacentHTML("beforeend", shown);
    new ResizeObserver(measure).observe(document.body);
    measure();
    tell({ type: "ready" });
  });
})();
