import { find } from "./page.js";

/** Swagger UI on the description that this server gives of itself. */
const place = find("#api");
const isDark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", isDark.matches);
follow();
isDark.addEventListener("change", follow);
/** The page loads it before this module. @type {(options: object) => void} */
const swaggerUi = Reflect.get(globalThis, "SwaggerUIBundle");
swaggerUi({
  url: place.dataset.description,
  domNode: place,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: true,
  // Nobody else is asked whether the description is well-formed.
  validatorUrl: null,
});
