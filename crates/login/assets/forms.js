(function () {
  "use strict";
  var all = function (selector, root) { return Array.prototype.slice.call((root || document).querySelectorAll(selector)); };
  var announcer = document.getElementById("ulp-error-announcer");

  // What a component demands of a field beside what the form does.
  var demanded = {};
  var checksOf = function (wrapper) {
    var checks = JSON.parse(wrapper.getAttribute("data-checks"));
    if (demanded[wrapper.getAttribute("data-id")]) checks.required = true;
    return checks;
  };
  var hiddenOf = function (wrapper) { return wrapper.querySelector("input[type=hidden]"); };

  // Finds what the server would find, as far as this page can.
  var faultOf = function (wrapper) {
    var checks = checksOf(wrapper), rules = checks.rules, texts = checks.texts;
    if (wrapper.hasAttribute("data-recaptcha")) return hiddenOf(wrapper).value ? null : texts.ERR_REQUIRED_PROPERTY;
    if (wrapper.hasAttribute("data-stripe")) return null;
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
    var old = wrapper.querySelector(".ulp-input-error-message"), target = wrapper.querySelector("fieldset,.af-puzzle,input:not([type=hidden]),select:not(.af-country),textarea,iframe");
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
    if (["FIELDSET", "IFRAME", "DIV"].indexOf(target.tagName) < 0) target.setAttribute("aria-invalid", "true");
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
  var plain = function () { return all(".af-field:not(.af-custom)"); };
  var told = function () { return { type: "values", values: values(), isValid: !plain().some(faultOf) }; };
  var tellFrames = function () { frames.forEach(function (known) { send(known, told()); }); };
  var setHidden = function (wrapper, key, value) {
    var name = "hidden-" + key;
    var input = all("input[type=hidden]", wrapper).filter(function (known) { return known.name === name; })[0];
    if (!input) {
      input = document.createElement("input");
      input.type = "hidden";
      input.name = name;
      wrapper.appendChild(input);
    }
    input.value = JSON.stringify(value === undefined ? null : value);
  };
  // Tells all faults of the plain fields; what is wrong first, and in words.
  var showFaults = function () {
    var first = null, texts = [];
    plain().forEach(function (wrapper) {
      var text = faultOf(wrapper);
      tell(wrapper, text);
      if (!text) return;
      texts.push(text);
      first = first || wrapper.querySelector(".af-puzzle,input:not([type=hidden]),select:not(.af-country),textarea");
    });
    return { first: first, texts: texts };
  };
  window.addEventListener("message", function (event) {
    var known = frames.filter(function (known) { return known.frame.contentWindow === event.source; })[0], message = event.data;
    if (!known || !message) return;
    if (message.type === "ready") send(known, told());
    if (message.type === "validate") showFaults();
    if (message.type === "required") {
      demanded[message.id] = message.isRequired;
      tellFrames();
    }
    if (message.type === "hidden") setHidden(known.wrapper, String(message.key), message.value);
    if (message.type === "height") known.frame.style.height = Math.min(Math.max(Number(message.height) || 0, 20), 2000) + "px";
    if (message.type === "set") hiddenOf(known.wrapper).value = JSON.stringify(message.value === undefined ? null : message.value);
    if (message.type === "go") {
      var button = document.querySelector(message.forward ? ".af-next-button" : ".af-previous-button");
      if (button) button.click();
    }
    if (message.type === "value" && known.wanted) known.wanted(message);
  });
  // Cards: Stripe's script takes their numbers, and gives what stands for one.
  var cards = [];
  var load = function (address, done) {
    var script = document.createElement("script");
    script.src = address;
    script.onload = done;
    document.head.appendChild(script);
  };
  var style = function () {
    var shown = getComputedStyle(document.querySelector(".af-card"));
    return { base: { fontSize: shown.fontSize, color: shown.color } };
  };
  var STRIPE = { card_number: "cardNumber", expiration_date: "cardExpiry", security_code: "cardCvc" };
  var withCard = function (wrapper, stripe) {
    var elements = stripe.elements({ locale: wrapper.getAttribute("data-language") }), isEmpty = {}, number;
    all(".af-card", wrapper).forEach(function (place) {
      var part = place.getAttribute("data-part"), label = place.parentNode.previousElementSibling.textContent;
      var element = elements.create(STRIPE[part], { placeholder: place.getAttribute("data-placeholder") || undefined, style: style() });
      isEmpty[part] = true;
      element.on("change", function (change) { isEmpty[part] = change.empty; });
      element.mount(place);
      place.setAttribute("aria-label", label);
      if (part === "card_number") number = element;
    });
    cards.push(function (done) {
      var checks = checksOf(wrapper);
      if (isEmpty.card_number && isEmpty.expiration_date && isEmpty.security_code) {
        var isMissing = checks.required && !wrapper.querySelector(".items");
        return done(wrapper, isMissing ? checks.texts.ERR_REQUIRED_PROPERTY : null);
      }
      stripe.createPaymentMethod({ type: "card", card: number }).then(function (made) {
        hiddenOf(wrapper).value = made.paymentMethod ? made.paymentMethod.id : "";
        done(wrapper, made.error ? made.error.message : null);
      });
    });
  };
  var withStripe = all("[data-stripe]"), withPuzzle = all("[data-recaptcha]"), withMaps = all("[data-maps]");
  if (withStripe.length) {
    load("https://js.stripe.com/v3/", function () {
      withStripe.forEach(function (wrapper) { withCard(wrapper, window.Stripe(wrapper.getAttribute("data-stripe"))); });
    });
  }
  if (withPuzzle.length) {
    load("https://www.google.com/recaptcha/api.js?render=explicit&hl=" + encodeURIComponent(withPuzzle[0].getAttribute("data-language")), function () {
      window.grecaptcha.ready(function () {
        withPuzzle.forEach(function (wrapper) {
          var input = hiddenOf(wrapper);
          window.grecaptcha.render(wrapper.querySelector(".af-puzzle"), {
            sitekey: wrapper.getAttribute("data-recaptcha"),
            callback: function (response) { input.value = response; },
            "expired-callback": function () { input.value = ""; }
          });
        });
      });
    });
  }
  if (withMaps.length) {
    load("https://maps.googleapis.com/maps/api/js?libraries=places&key=" + encodeURIComponent(withMaps[0].getAttribute("data-maps")), function () {
      withMaps.forEach(function (input) {
        var found = new window.google.maps.places.Autocomplete(input, { fields: ["formatted_address"] });
        found.addListener("place_changed", function () { input.value = found.getPlace().formatted_address || input.value; });
      });
    });
  }
  var collect = function (done) {
    var left = frames.length + cards.length, faults = [], isDone = false;
    var end = function () { if (!isDone) { isDone = true; done(faults); } };
    if (!left) return end();
    // A bank takes longer than a script of the page.
    setTimeout(end, cards.length ? 30000 : 4000);
    var arrived = function (wrapper, target, text) {
      tell(wrapper, text);
      if (text) faults.push(target);
      left -= 1;
      if (!left) end();
    };
    cards.forEach(function (card) {
      card(function (wrapper, text) { arrived(wrapper, wrapper.querySelector("fieldset"), text); });
    });
    frames.forEach(function (known) {
      known.wanted = function (message) {
        known.wanted = null;
        var input = hiddenOf(known.wrapper);
        input.value = message.value === undefined || message.value === null ? "" : JSON.stringify(message.value);
        var checks = checksOf(known.wrapper);
        var text = message.error || (checks.required && !input.value ? checks.texts.ERR_REQUIRED_PROPERTY : null);
        arrived(known.wrapper, known.frame, text);
      };
      send(known, { type: "value" });
    });
  };

  all("form.af-form").forEach(function (form) {
    var isReady = false;
    form.addEventListener("input", tellFrames);
    // Before anything else hears of it: what is not sent is not sent twice either.
    document.addEventListener("submit", function (event) {
      if (event.target !== form || isReady) return;
      var submitter = event.submitter, action = submitter ? submitter.value : "default";
      if (action !== "next" && action !== "default") return;
      var found = showFaults();
      var refuse = function () {
        event.preventDefault();
        event.stopImmediatePropagation();
        if (announcer) announcer.textContent = found.texts.join(" ");
        if (found.first) found.first.focus();
      };
      if (found.texts.length) return refuse();
      if (!frames.length && !cards.length) return;
      refuse();
      frames.forEach(function (known) { send(known, { type: "block" }); });
      collect(function (faults) {
        if (faults.length) {
          frames.forEach(function (known) { send(known, { type: "unblock" }); });
          faults[0].setAttribute("tabindex", "-1");
          faults[0].focus();
          return;
        }
        // A form that is still being sent is not sent again.
        setTimeout(function () {
          isReady = true;
          form.requestSubmit(submitter || undefined);
          isReady = false;
        });
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
