/** Which router a command asks. */
import { setting } from "@baton/config";

export const routerSettings = {
  url: setting.url({
    flag: "url",
    env: "BATON_URL",
    default: "http://127.0.0.1:8000",
    doc: "The router's API, or its admin port where it has one",
  }),
  adminKey: setting.secret({
    env: "BATON_ADMIN_KEY",
    doc: "The router's key of admin calls, where it has one",
  }),
} as const;
