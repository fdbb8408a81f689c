// What a page cannot do without a script. Everything can be read and every form sent without this file.

// The time zone of whoever reads: no header names it.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const zoneCookie = `ledger_zone=${zone}`;
if (zone && zone !== document.documentElement.dataset.zone && !document.cookie.split("; ").includes(zoneCookie)) {
  document.cookie = `${zoneCookie}; Path=/; Max-Age=31536000; SameSite=Strict`;
  if (document.cookie.includes(zoneCookie)) { // else no cookies are kept here, and it would go on for ever
    location.replace(location.pathname + location.search); // not reload: that would send a form again
    await new Promise(() => {}); // this page goes, and must not begin anything that happens once
  }
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
  let source = null;
  let poll = null;
  const listen = () => {
    source = new EventSource("/updates");
    source.onmessage = refreshSoon;
    source.onerror = () => {
      if (source?.readyState === EventSource.CLOSED) poll ??= setInterval(refresh, MS_BETWEEN_POLLS);
    };
  };
  // Nobody looks at a hidden page, and a browser has few connections for all of them.
  document.addEventListener("visibilitychange", () => {
    source?.close();
    source = null;
    if (!document.hidden) listen();
  });
  if (!document.hidden) listen();
}

async function refresh() {
  if (document.hidden) return;
  let answer;
  try {
    answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  } catch {
    return; // offline for a moment: the next event or poll asks again
  }
  if (answer.status === 401 || new URL(answer.url).pathname === "/session") {
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

// Instructors: copy and share the link.

for (const button of document.querySelectorAll("[data-copy]")) {
  const text = document.getElementById(button.dataset.copy);
  const said = document.getElementById(button.dataset.said);
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text.textContent.trim());
      said.textContent = "The link is copied.";
    } catch { // not allowed in this frame, or not over http
      getSelection().selectAllChildren(text);
      said.textContent = "The link is selected: copy it with your keyboard, or from the menu of your phone.";
    }
  });
}

if (navigator.share) {
  for (const link of document.querySelectorAll("[data-share]")) {
    link.addEventListener("click", (click) => {
      click.preventDefault();
      navigator.share({ url: link.dataset.share }).catch((error) => {
        if (error.name !== "AbortError") location.href = link.href; // whoever changes their mind has not failed
      });
    });
  }
}

// Instructors: the popup, once. The server remembers; this browser does too, so that two tabs do not show it twice.

const popup = document.getElementById("popup");
if (popup) {
  const form = popup.querySelector("form");
  if (isFirstTime(`ledger_popup_seen ${popup.dataset.of}`)) {
    popup.showModal();
    popup.addEventListener("close", () => document.querySelector("h1").focus());
    form.addEventListener("submit", (submit) => {
      submit.preventDefault();
      popup.close();
    });
  }
  fetch(form.action, { method: "POST", redirect: "manual", keepalive: true }).catch(() => {});
}

function isFirstTime(name) {
  try {
    if (localStorage.getItem(name)) return false;
    localStorage.setItem(name, "yes");
  } catch {
    // a browser that stores nothing: the server's memory has to do
  }
  return true;
}

/* Finance */

// The replay slider: says where it stands while it moves, and replays where it is left, also by a keyboard's small steps.
const MS_LEFT_ALONE = 600;
for (const form of document.querySelectorAll("form[data-replay]")) {
  const slider = form.querySelector("input[type=range]");
  slider.addEventListener("input", () => { form.querySelector("output").value = slider.value; });
  let left = null;
  slider.addEventListener("change", () => {
    clearTimeout(left);
    left = setTimeout(() => form.requestSubmit(), MS_LEFT_ALONE);
  });
}
