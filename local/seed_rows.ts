/**
 * The rows of the demo database, the same on every machine: a seeded generator and fixed dates.
 *
 * Realistic in shape, and obviously fake: addresses under reserved domains (RFC 2606), telephone numbers
 * 555-0100 to 555-0199 (reserved for fiction by the North American Numbering Plan), social security
 * numbers that begin with 9 (never issued) with a group below 50 (not used for taxpayer numbers either),
 * and card numbers that begin like the payment networks' published test numbers and pass Luhn.
 */

export interface SeedRows {
  readonly customers: readonly CustomerRow[];
  readonly products: readonly ProductRow[];
  readonly orders: readonly OrderRow[];
  readonly order_items: readonly OrderItemRow[];
  readonly payments: readonly PaymentRow[];
}

export interface CustomerRow {
  readonly id: number;
  readonly full_name: string;
  readonly email: string;
  readonly phone: string;
  readonly ssn: string;
  readonly date_of_birth: string;
  readonly notes: { readonly text: string; readonly tier: string };
  readonly created_at: string;
}

export interface ProductRow {
  readonly id: number;
  readonly sku: string;
  readonly name: string;
  readonly price_cents: number;
}

export interface OrderRow {
  readonly id: number;
  readonly customer_id: number;
  readonly status: string;
  readonly total_cents: number;
  readonly placed_at: string;
}

export interface OrderItemRow {
  readonly order_id: number;
  readonly line: number;
  readonly product_id: number;
  readonly quantity: number;
  readonly price_cents: number;
}

export interface PaymentRow {
  readonly id: number;
  readonly customer_id: number;
  readonly card_number: string;
  readonly card_brand: string;
  readonly amount_cents: number;
  readonly currency: string;
  readonly status: string;
  readonly created_at: string;
}

const CUSTOMERS = 120;
const ORDERS = 300;
const SEED = 0x5a11_9047;
const DAY_MS = 86_400_000;
/** Rows are dated in the year before this day. */
const LAST_DAY = Date.UTC(2026, 9, 31);

const FIRST = 'Ada Ben Cleo Dario Edda Finn Gia Hugo Ines Jonas Kaja Liam Mira Nils Oona Pia'.split(
  ' ',
);
const LAST =
  'Samplewood Testington Mockridge Fixtura Demoski Placehold Specimen Dummett Loremson'.split(' ');
const GOODS = 'Lantern Kettle Backpack Compass Notebook Hammock Thermos Blanket'.split(' ');
const KINDS = 'Basic Classic Travel'.split(' ');
const STATUSES = ['pending', 'paid', 'shipped', 'delivered', 'delivered', 'cancelled'];

/** Prefixes of published test numbers, with the length of the whole number. */
const CARDS = [
  { brand: 'visa', prefix: '424242424242', length: 16 },
  { brand: 'mastercard', prefix: '555555555555', length: 16 },
  { brand: 'amex', prefix: '37828224631', length: 15 },
  { brand: 'discover', prefix: '601111111111', length: 16 },
];

export function seedRows(): SeedRows {
  const random = makeRandom(SEED);
  const products = makeProducts(random);
  const customers = numbered(CUSTOMERS, (id) => makeCustomer(id, random));
  const order_items: OrderItemRow[] = [];
  const orders = numbered(ORDERS, (id) => {
    const items = makeItems(id, products, random);
    order_items.push(...items);
    return {
      id,
      customer_id: random.from1(CUSTOMERS),
      status: random.pick(STATUSES),
      total_cents: items.reduce((sum, item) => sum + item.quantity * item.price_cents, 0),
      placed_at: random.instant(),
    };
  });
  const payments = orders
    .filter((order) => order.status !== 'pending' && order.status !== 'cancelled')
    .map((order, index) => makePayment(index + 1, order, random));
  return { customers, products, orders, order_items, payments };
}

function makeProducts(random: Random): readonly ProductRow[] {
  const names = GOODS.flatMap((thing) => KINDS.map((kind) => `${kind} ${thing}`));
  return names.map((name, index) => ({
    id: index + 1,
    sku: `SKU-${String(1001 + index)}`,
    name,
    price_cents: 500 + random.below(19_500),
  }));
}

function makeCustomer(id: number, random: Random): CustomerRow {
  const first = random.pick(FIRST);
  const last = random.pick(LAST);
  const local = `${first}.${last}`.toLowerCase();
  return {
    id,
    full_name: `${first} ${last}`,
    email: `${local}.${id}@example.com`,
    phone: phone(random),
    ssn: `9${random.digits(2)}-${10 + random.below(40)}-${random.digits(4)}`,
    date_of_birth: new Date(Date.UTC(1945, 0, 1) + random.below(60 * 365) * DAY_MS)
      .toISOString()
      .slice(0, 10),
    notes: { text: note(id, local, random), tier: random.pick(['standard', 'standard', 'gold']) },
    created_at: random.instant(),
  };
}

/** Free text: every third one holds an address or a number that only the content detectors can find. */
function note(id: number, local: string, random: Random): string {
  if (id % 3 === 0) return `Prefers to be written to at ${local}.private@example.org on weekdays`;
  if (id % 10 === 1) return `Call ${phone(random)} before delivery`;
  return random.pick(['', 'Leave parcels with the neighbour', 'Asked for a paper invoice']);
}

function makeItems(
  order_id: number,
  products: readonly ProductRow[],
  random: Random,
): readonly OrderItemRow[] {
  return numbered(random.from1(4), (line) => {
    const product = random.pick(products);
    return {
      order_id,
      line,
      product_id: product.id,
      quantity: random.from1(3),
      price_cents: product.price_cents,
    };
  });
}

function makePayment(id: number, order: OrderRow, random: Random): PaymentRow {
  const card = random.pick(CARDS);
  const body = card.prefix + random.digits(card.length - 1 - card.prefix.length);
  return {
    id,
    customer_id: order.customer_id,
    card_number: body + luhnDigit(body),
    card_brand: card.brand,
    amount_cents: order.total_cents,
    currency: 'USD',
    status: random.pick(['captured', 'captured', 'captured', 'authorized', 'refunded', 'failed']),
    created_at: order.placed_at,
  };
}

function phone(random: Random): string {
  return `+1 202-555-01${random.digits(2)}`;
}

/** The check digit that makes `body` pass the Luhn test (ISO/IEC 7812-1, annex B). */
function luhnDigit(body: string): string {
  let sum = 0;
  for (const [index, digit] of body.split('').reverse().entries()) {
    const doubled = Number(digit) * (index % 2 === 0 ? 2 : 1);
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return String((10 - (sum % 10)) % 10);
}

function numbered<T>(count: number, make: (id: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index + 1));
}

interface Random {
  /** An integer from 0 to `limit - 1`. */
  readonly below: (limit: number) => number;
  readonly from1: (limit: number) => number;
  readonly pick: <T>(items: readonly T[]) => T;
  readonly digits: (count: number) => string;
  /** An ISO instant, to the second, in the year before LAST_DAY. */
  readonly instant: () => string;
}

/** A 32-bit mixing generator: small, and the same everywhere. Not for secrets. */
function makeRandom(seed: number): Random {
  let state = seed;
  const below = (limit: number) => {
    state = (state + 0x9e37_79b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0_aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a_2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) % limit;
  };
  return {
    below,
    from1: (limit) => below(limit) + 1,
    pick: (items) => items[below(items.length)] as (typeof items)[number],
    digits: (count) => Array.from({ length: count }, () => String(below(10))).join(''),
    instant: () => `${new Date(LAST_DAY - below(365 * 86_400) * 1000).toISOString().slice(0, 19)}Z`,
  };
}
