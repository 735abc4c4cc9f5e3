import assert from "node:assert/strict";
import { after, afterEach, beforeEach, it, type TestContext } from "node:test";

/**
 * What the published suites of Keyv's two families ask of the runners that they were written for, on `node:test`.
 * Both register their tests with what they are handed, and check with what their tests are handed.
 */

interface Matchers {
  toBe(expected: unknown): void;
  toEqual(expected: unknown): void;
  toBeTruthy(): void;
  toBeFalsy(): void;
  toBeNull(): void;
  toBeDefined(): void;
  toBeUndefined(): void;
}

function matchers(actual: unknown): Matchers {
  return {
    toBe: (expected) => assert.ok(Object.is(actual, expected), `${String(actual)} is not ${String(expected)}`),
    toEqual: (expected) => assert.deepEqual(actual, expected),
    toBeTruthy: () => assert.ok(actual),
    toBeFalsy: () => assert.ok(!actual),
    toBeNull: () => assert.equal(actual, null),
    toBeDefined: () => assert.notEqual(actual, undefined),
    toBeUndefined: () => assert.equal(actual, undefined),
  };
}

/** The namespace of Vitest, as far as `@keyv/test-suite` uses it. */
export function vitestLike() {
  return {
    beforeEach,
    afterEach,
    it(name: string, test: (t: { expect: (actual: unknown) => Matchers }) => unknown) {
      it(name, async () => {
        let count = 0;
        let planned: number | undefined;
        const expect = (actual: unknown) => {
          count++;
          return matchers(actual);
        };
        const assertions = (number: number) => {
          planned = number;
        };
        await test({ expect: Object.assign(expect, { assertions }) });
        assert.equal(count, planned ?? count, "another number of assertions was planned");
        assert.ok(count > 0, "it checks nothing");
      });
    },
  };
}

/** The `test` of AVA, as far as `@keyvhq/test-suite` uses it. */
export function avaLike() {
  return {
    beforeEach,
    after: { always: after },
    serial(name: string, test: (t: object) => unknown) {
      it(name, async (context: TestContext) => {
        await test({
          plan: (count: number) => context.plan(count),
          is: (actual: unknown, expected: unknown) => context.assert.strictEqual(actual, expected),
          true: (actual: unknown) => context.assert.strictEqual(actual, true),
          deepEqual: (actual: unknown, expected: unknown) => context.assert.deepStrictEqual(actual, expected),
          pass: () => context.assert.ok(true),
          fail: (message: string) => context.assert.fail(message),
        });
      });
    },
  };
}
