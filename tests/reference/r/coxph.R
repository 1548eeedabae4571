# Cox models of one formula each: coefficients, likelihoods, residuals, survival of the first
# patients with the fit's own and with Breslow's baseline, concordance, proportional hazards.
.rows <- 20

.test <- function(v) list(test = unname(v[1]), df = unname(v[2]), pvalue = unname(v[3]))

.survival <- function(fit, data, times, ...)
  unname(t(summary(survfit(fit, newdata = head(data, .rows), ...), times = times)$surv))

.zph <- function(fit, transform) tryCatch({
  z <- cox.zph(fit, transform = transform)$table
  list(rows = rownames(z), chisq = unname(z[, 1]), df = unname(z[, 2]), p = unname(z[, 3]))
}, error = function(e) list(error = "cox.zph failed (singular)"))

.patients <- function(fit, data, asked) {
  lp <- as.numeric(fit$x %*% coef(fit))
  con <- concordance(fit)
  list(means_used_for_centering = as.list(unname(fit$means)),
       lp_centered_first20 = head(unname(predict(fit, type = "lp")), .rows),
       lp_uncentered_first20 = head(lp, .rows),
       martingale_first20 = head(unname(residuals(fit, "martingale")), .rows),
       deviance_resid_first20 = head(unname(residuals(fit, "deviance")), .rows),
       times = asked$times,
       surv_first20 = .survival(fit, data, unlist(asked$times)),
       surv_note = asked$surv_note,
       surv_first20_breslow_baseline = .survival(fit, data, unlist(asked$times), ctype = 1),
       concordance = list(
         C = unname(con$concordance), se = sqrt(con$var),
         ci = unname(con$concordance + c(-1, 1) * qnorm(0.975) * sqrt(con$var)),
         counts = as.list(con$count), n = con$n),
       cox_zph = sapply(names(asked$cox_zph), .zph, fit = fit, simplify = FALSE))
}

.model <- function(asked, data) {
  fit <- coxph(as.formula(asked$formula), data = data, ties = asked$ties, x = TRUE, y = TRUE,
               control = coxph.control(eps = 1e-13, iter.max = 100, toler.chol = 1e-14))
  s <- summary(fit)
  co <- s$coefficients
  half <- qnorm(0.975) * co[, "se(coef)"]
  column <- function(v) as.list(unname(v))
  out <- list(formula = asked$formula, ties = asked$ties, n = fit$n, nevent = fit$nevent,
              terms = as.list(names(coef(fit))), coef = column(coef(fit)),
              se = column(co[, "se(coef)"]), z = column(co[, "z"]), p = column(co[, "Pr(>|z|)"]),
              hr = column(exp(coef(fit))), hr_lo = column(exp(coef(fit) - half)),
              hr_hi = column(exp(coef(fit) + half)), vcov = unname(as.matrix(vcov(fit))),
              loglik_null = fit$loglik[1], loglik = fit$loglik[2], lr_test = .test(s$logtest),
              wald_test = .test(s$waldtest), score_test = .test(s$sctest), aic = AIC(fit),
              bic_nevent = BIC(fit), iter = fit$iter)
  if (is.null(asked$martingale_first20)) out else c(out, .patients(fit, data, asked))
}

answer <- function(folder, set, asked) {
  data <- read.csv(file.path(folder, asked$input), check.names = FALSE)
  data[] <- lapply(data, function(v) if (is.integer(v)) as.numeric(v) else v)  # for cox.zph
  list(dataset = set, input = asked$input, quantity = "coxph", meta = versions("survival"),
       note = asked$note, models = lapply(asked$models, .model, data = data))
}
