// The script of a replay page. All that was recorded becomes text, by textContent: nothing of it is
// ever parsed as HTML.
const story = JSON.parse(document.getElementById('story').textContent);

function element(name, className, text) {
  const made = document.createElement(name);
  if (className !== '') made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function entryOf({ time, tone, mark, heading, statement, notes }) {
  const item = element('li', tone);
  const head = element('h2', '');
  head.append(
    element('time', '', time),
    element('span', 'mark', mark),
    element('span', '', heading),
  );
  item.append(head);
  if (statement !== '') {
    const text = element('pre', '', statement);
    // A long statement scrolls within its frame, and a keyboard must reach it.
    text.tabIndex = 0;
    item.append(text);
  }
  for (const note of notes) item.append(element('p', '', note));
  return { item, text: [time, heading, statement, ...notes].join('\n').toLowerCase() };
}

document.title = story.title;
document.querySelector('h1').textContent = story.title;
document.getElementById('facts').append(...story.facts.map((fact) => element('li', '', fact)));
const problems = story.problems.map((problem) => element('li', '', problem));
document.getElementById('problems').append(...problems);
document.getElementById('damaged').hidden = problems.length === 0;

const entries = story.entries.map(entryOf);
document.getElementById('entries').append(...entries.map(({ item }) => item));

const filter = document.getElementById('filter');
const refusals = document.getElementById('refusals');

function show() {
  const wanted = filter.value.trim().toLowerCase();
  let shown = 0;
  for (const { item, text } of entries) {
    item.hidden = !text.includes(wanted) || (refusals.checked && !item.classList.contains('bad'));
    if (!item.hidden) shown += 1;
  }
  document.getElementById('count').textContent = `${shown} of ${entries.length} commands`;
}

filter.addEventListener('input', show);
refusals.addEventListener('change', show);
show();
