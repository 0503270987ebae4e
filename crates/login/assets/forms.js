(function () {
  "use strict";
  var all = function (selector, root) { return Array.prototype.slice.call((root || document).querySelectorAll(selector)); };
  var announcer = document.getElementById("ulp-error-announcer");

  // Finds what the server would find, as far as this page can.
  var faultOf = function (wrapper) {
    var checks = JSON.parse(wrapper.getAttribute("data-checks")), rules = checks.rules, texts = checks.texts;
    var inputs = all("input:not([type=hidden]):not(.af-country),select:not(.af-country),textarea", wrapper);
    var ticks = inputs.filter(function (input) { return input.type === "radio" || input.type === "checkbox"; });
    if (checks.type === "LEGAL") return checks.required && !ticks[0].checked ? texts.ERR_ACCEPTANCE_REQUIRED : null;
    if (ticks.length) {
      return checks.required && !ticks.some(function (tick) { return tick.checked; }) ? texts.ERR_REQUIRED_PROPERTY : null;
    }
    var input = inputs[0];
    if (!input) return null;
    if (input.type === "file") {
      var files = Array.prototype.slice.call(input.files);
      if (!files.length) return checks.required && !wrapper.querySelector(".items") ? texts.ERR_REQUIRED_PROPERTY : null;
      if (files.length > rules.maxFiles) return texts.ERR_TOO_MANY_FILES;
      return files.some(function (file) { return file.size > rules.maxSize; }) ? texts.ERR_FILE_TOO_LARGE : null;
    }
    var value = checks.type === "PASSWORD" ? input.value : input.value.trim();
    if (!value) return checks.required ? texts.ERR_REQUIRED_PROPERTY : null;
    var length = Array.from(value).length, number = Number(value);
    if (rules.min_length && length < rules.min_length) return texts.ERR_TOO_SHORT_STRING;
    if (rules.max_length && length > rules.max_length) return texts.ERR_TOO_LONG_STRING;
    if (checks.type === "EMAIL" && !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(value)) return texts.ERR_EMAIL_EXPECTED;
    if (checks.type === "URL" && !/^https?:\/\/[^\s/]+/i.test(value)) return texts.ERR_URL_EXPECTED;
    if (checks.type === "TEL" && !/^[+0-9 ()./-]{3,}$/.test(value)) return texts.ERR_TEL_EXPECTED;
    if (checks.type === "NUMBER") {
      if (isNaN(number)) return texts.ERR_NUMBER_EXPECTED;
      if (rules.min_value !== undefined && number < rules.min_value) return texts.ERR_TOO_SMALL_NUMBER;
      if (rules.max_value !== undefined && number > rules.max_value) return texts.ERR_TOO_LARGE_NUMBER;
    }
    return null;
  };

  var tell = function (wrapper, text) {
    var old = wrapper.querySelector(".ulp-input-error-message"), target = wrapper.querySelector("fieldset,input:not([type=hidden]),select:not(.af-country),textarea,iframe");
    if (old) old.remove();
    wrapper.classList.toggle("ulp-error", !!text);
    if (!target) return;
    if (target.tagName !== "FIELDSET") target.removeAttribute("aria-invalid");
    if (!text) return;
    var fault = document.createElement("span");
    fault.className = "ulp-input-error-message";
    fault.id = "error-element-field-" + wrapper.getAttribute("data-id");
    fault.textContent = text;
    wrapper.appendChild(fault);
    if (target.tagName !== "FIELDSET" && target.tagName !== "IFRAME") target.setAttribute("aria-invalid", "true");
    target.setAttribute("aria-describedby", fault.id);
  };

  // Components of the tenant's own scripts tell their values by messages.
  var frames = all("iframe[data-component]").map(function (frame) { return { frame: frame, wrapper: frame.parentNode, wanted: null }; });
  var send = function (known, message) { known.frame.contentWindow.postMessage(message, "*"); };
  var values = function () {
    var found = {};
    all(".af-field").forEach(function (wrapper) {
      var id = wrapper.getAttribute("data-id");
      all("[name='field-" + id + "']", wrapper).forEach(function (input) {
        if ((input.type === "radio" || input.type === "checkbox") && !input.checked) return;
        if (input.type !== "password" && input.type !== "file") found[id] = input.value;
      });
    });
    return found;
  };
  window.addEventListener("message", function (event) {
    var known = frames.filter(function (known) { return known.frame.contentWindow === event.source; })[0], message = event.data;
    if (!known || !message) return;
    if (message.type === "ready") send(known, { type: "values", values: values() });
    if (message.type === "height") known.frame.style.height = Math.min(Math.max(Number(message.height) || 0, 20), 2000) + "px";
    if (message.type === "set") known.wrapper.querySelector("input[type=hidden]").value = JSON.stringify(message.value === undefined ? null : message.value);
    if (message.type === "go") {
      var button = document.querySelector(message.forward ? ".af-next-button" : ".af-previous-button");
      if (button) button.click();
    }
    if (message.type === "value" && known.wanted) known.wanted(message);
  });
  var collect = function (done) {
    var left = frames.length, faults = [], isDone = false;
    var end = function () { if (!isDone) { isDone = true; done(faults); } };
    if (!left) return end();
    setTimeout(end, 4000);
    frames.forEach(function (known) {
      known.wanted = function (message) {
        known.wanted = null;
        var input = known.wrapper.querySelector("input[type=hidden]");
        input.value = message.value === undefined || message.value === null ? "" : JSON.stringify(message.value);
        var checks = JSON.parse(known.wrapper.getAttribute("data-checks"));
        var text = message.error || (checks.required && !input.value ? checks.texts.ERR_REQUIRED_PROPERTY : null);
        tell(known.wrapper, text);
        if (text) faults.push(known.frame);
        left -= 1;
        if (!left) end();
      };
      send(known, { type: "value" });
    });
  };

  all("form.af-form").forEach(function (form) {
    var isReady = false;
    form.addEventListener("input", function () {
      frames.forEach(function (known) { send(known, { type: "values", values: values() }); });
    });
    // Before anything else hears of it: what is not sent is not sent twice either.
    document.addEventListener("submit", function (event) {
      if (event.target !== form || isReady) return;
      var submitter = event.submitter, action = submitter ? submitter.value : "default";
      if (action !== "next" && action !== "default") return;
      var first = null, texts = [];
      all(".af-field:not(.af-custom)", form).forEach(function (wrapper) {
        var text = faultOf(wrapper);
        tell(wrapper, text);
        if (!text) return;
        texts.push(text);
        first = first || wrapper.querySelector("input:not([type=hidden]),select:not(.af-country),textarea");
      });
      var refuse = function () {
        event.preventDefault();
        event.stopImmediatePropagation();
        if (announcer) announcer.textContent = texts.join(" ");
        if (first) first.focus();
      };
      if (first) return refuse();
      if (!frames.length) return;
      refuse();
      frames.forEach(function (known) { send(known, { type: "block" }); });
      collect(function (faults) {
        if (faults.length) {
          frames.forEach(function (known) { send(known, { type: "unblock" }); });
          faults[0].focus();
          return;
        }
        isReady = true;
        form.requestSubmit(submitter || undefined);
        isReady = false;
      });
    }, true);
  });

  // Buttons that wait.
  all(".af-resend").forEach(function (resend) {
    var left = Number(resend.getAttribute("data-left")), text = resend.getAttribute("data-text");
    var waiting = resend.querySelector(".af-waiting"), active = resend.querySelector(".af-active"), end = Date.now() + left * 1000;
    if (!waiting) return;
    var show = function () {
      var seconds = Math.ceil((end - Date.now()) / 1000);
      if (seconds > 0) {
        waiting.textContent = text.replace(/\ue000/g, String(seconds));
        return;
      }
      clearInterval(timer);
      waiting.hidden = true;
      active.hidden = false;
      active.querySelector("button").disabled = false;
    };
    var timer = setInterval(show, 250);
    show();
  });

  // How hard a password is to guess, roughly.
  all(".af-meter").forEach(function (meter) {
    var input = meter.parentNode.querySelector("input[type=password]");
    meter.hidden = false;
    input.addEventListener("input", function () {
      var kinds = [/[a-z]/, /[A-Z]/, /[0-9]/, /[^A-Za-z0-9]/].filter(function (kind) { return kind.test(input.value); }).length;
      meter.value = Math.min(4, Math.floor(input.value.length / 4) * Math.min(kinds, 3) / 2);
    });
  });
})();
