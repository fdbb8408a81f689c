// What a page cannot do without a script. Everything can be read and every form sent without this file.

// The time zone of whoever reads: no header names it.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const zoneCookie = `ledger_zone=${zone}`;
if (zone && zone !== document.documentElement.dataset.zone && !document.cookie.split("; ").includes(zoneCookie)) {
  document.cookie = `${zoneCookie}; Path=/; Max-Age=31536000; SameSite=Strict`;
  location.reload();
}

// What is marked `data-live` is kept up to date: told that something moved, the page is asked for again, and each such
// element takes over what the new one holds. Where nothing can be told, it is asked for every now and then.
const LIVE = "[data-live][id]";
const FEWEST_MS_BETWEEN = 1000;
const MS_BETWEEN_POLLS = 15000;

if (document.querySelector(LIVE)) keepUpToDate();

function keepUpToDate() {
  let due = null;
  const refreshSoon = () => { due ??= setTimeout(() => { due = null; refresh(); }, FEWEST_MS_BETWEEN); };
  const source = new EventSource("/updates");
  source.onmessage = refreshSoon;
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) setInterval(refresh, MS_BETWEEN_POLLS);
  };
}

async function refresh() {
  if (document.hidden) {
    document.addEventListener("visibilitychange", refresh, { once: true });
    return;
  }
  let answer;
  try {
    answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  } catch {
    return; // offline for a moment: the next event or poll asks again
  }
  if (answer.redirected) {
    document.getElementById("notice").textContent = "Your session has ended. Sign in again to see what is new.";
    return;
  }
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const element of document.querySelectorAll(LIVE)) {
    const newer = fresh.getElementById(element.id);
    if (newer && newer.innerHTML !== element.innerHTML && !element.contains(document.activeElement)) {
      element.replaceChildren(...newer.childNodes);
    }
  }
}
