// Shows changes without a reload. Everything works without this file, by reloading.
const main = document.querySelector('main[data-live]');

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

if (main) {
  new EventSource('/changes').addEventListener('message', () => void refresh());
}
