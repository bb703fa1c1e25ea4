// Shows changes without a reload. Everything works without this file, by reloading.
const main = document.querySelector('main[data-live]');
let looking = false;
let lookAgain = false;

async function refresh() {
  const boxes = [...main.querySelectorAll('textarea')];
  // Never under somebody's fingers: an open dialog or a reason half written stays.
  if (boxes.some((box) => box === document.activeElement || box.value !== '')) return;
  const answer = await fetch(location.pathname);
  if (!answer.ok) return;
  const next = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const fresh = next.querySelector('main');
  if (fresh && fresh.innerHTML !== main.innerHTML) main.replaceChildren(...fresh.childNodes);
}

// One look at a time, so that an older answer never covers a newer one.
async function look() {
  lookAgain = true;
  if (looking) return;
  looking = true;
  try {
    while (lookAgain) {
      lookAgain = false;
      await refresh();
    }
  } catch {
    // The server is restarting: the stream opens again with it, and looks then.
  } finally {
    looking = false;
  }
}

if (main) {
  const changes = new EventSource('/changes');
  // What changed between the page and the stream was announced to nobody.
  changes.addEventListener('open', () => void look());
  changes.addEventListener('message', () => void look());
}
