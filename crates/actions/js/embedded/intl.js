// The little of Intl that needs no tables: English, ISO dates, UTC.
'use strict';

const locale = { resolvedOptions: () => ({ locale: 'en-US', timeZone: 'UTC', calendar: 'gregory', numberingSystem: 'latn' }) };
const grouped = (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ',');

class NumberFormat {
  constructor(_, options = {}) { this.options = options; }
  format(value) {
    const { style, currency, minimumFractionDigits = style === 'currency' ? 2 : 0, maximumFractionDigits = Math.max(minimumFractionDigits, style === 'currency' ? 2 : style === 'percent' ? 0 : 3), useGrouping = true } = this.options;
    const number = Number(value) * (style === 'percent' ? 100 : 1);
    let [whole, fraction = ''] = Math.abs(number).toFixed(maximumFractionDigits).split('.');
    while (fraction.length > minimumFractionDigits && fraction.endsWith('0')) fraction = fraction.slice(0, -1);
    if (useGrouping) whole = grouped(whole);
    const sign = { USD: '$', EUR: '€', GBP: '£', JPY: '¥' }[currency] ?? (currency ? `${currency} ` : '');
    return `${number < 0 ? '-' : ''}${sign}${whole}${fraction && `.${fraction}`}${style === 'percent' ? '%' : ''}`;
  }
  resolvedOptions() { return { ...locale.resolvedOptions(), ...this.options }; }
}

class DateTimeFormat {
  format(date = new Date()) {
    const given = new Date(date);
    return `${given.getUTCMonth() + 1}/${given.getUTCDate()}/${given.getUTCFullYear()}`;
  }
  resolvedOptions() { return locale.resolvedOptions(); }
}

class Collator {
  compare = (one, other) => (one < other ? -1 : one > other ? 1 : 0);
  resolvedOptions() { return locale.resolvedOptions(); }
}

class PluralRules {
  select(number) { return Math.abs(number) === 1 ? 'one' : 'other'; }
  resolvedOptions() { return locale.resolvedOptions(); }
}

const Intl = { getCanonicalLocales: (locales) => [].concat(locales ?? []) };
for (const [name, format] of Object.entries({ NumberFormat, DateTimeFormat, Collator, PluralRules })) {
  format.supportedLocalesOf = () => ['en-US'];
  // They may be called without `new`.
  Intl[name] = new Proxy(format, { apply: (_, self, parameters) => new format(...parameters) });
}

exports.exports = { Intl };
