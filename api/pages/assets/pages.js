// What a page cannot do without a script: say in which time zone its reader is.
// Everything else works without this file.

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const { zone: rendered } = document.documentElement.dataset;
const asked = document.cookie.split("; ").find((each) => each.startsWith("ledger_zone="));
const cookie = `ledger_zone=${zone}`;
if (zone && zone !== rendered && asked !== cookie) {
  document.cookie = `${cookie}; Path=/; Max-Age=31536000; SameSite=Strict`;
  location.reload();
}
