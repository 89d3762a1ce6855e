"""Rename columns, indexes and labels to the words of the glossary: attempts, grant, user."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('idp', '0035_tokens_without_constraints'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='grant',
            options={'verbose_name': 'grant', 'verbose_name_plural': 'grants'},
        ),
        migrations.RenameField(
            model_name='clientlogo',
            old_name='tries',
            new_name='attempts',
        ),
        migrations.RenameField(
            model_name='interaction',
            old_name='tried_in',
            new_name='tested_in',
        ),
        migrations.RenameIndex(
            model_name='grant',
            new_name='grant_by_client',
            old_name='authorization_by_client',
        ),
        migrations.RenameIndex(
            model_name='grant',
            new_name='grant_by_session',
            old_name='authorization_by_session',
        ),
        migrations.RenameIndex(
            model_name='interaction',
            new_name='interaction_by_address',
            old_name='pending_by_address',
        ),
        migrations.RenameField(
            model_name='delivery',
            old_name='tries',
            new_name='attempts',
        ),
        migrations.AlterField(
            model_name='delivery',
            name='attempts',
            field=models.PositiveIntegerField(default=0, verbose_name='attempts'),
        ),
        migrations.AlterField(
            model_name='consent',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL, verbose_name='user'),
        ),
        migrations.AlterField(
            model_name='delivery',
            name='done_at',
            field=models.DateTimeField(null=True, verbose_name='delivered or given up'),
        ),
        migrations.AlterField(
            model_name='delivery',
            name='due_at',
            field=models.DateTimeField(default=django.utils.timezone.now, verbose_name='next attempt'),
        ),
        migrations.AlterField(
            model_name='delivery',
            name='state',
            field=models.CharField(choices=[('waiting', 'on its way'), ('delivered', 'delivered'), ('failed', 'given up')], default='waiting', max_length=10, verbose_name='state'),
        ),
        migrations.AlterField(
            model_name='event',
            name='ip_address',
            field=models.GenericIPAddressField(null=True, verbose_name='IP address'),
        ),
        migrations.AlterField(
            model_name='event',
            name='kind',
            field=models.CharField(choices=[('denied', 'Request denied'), ('signed-in', 'Signed in'), ('sign-in-failed', 'Sign-in failed'), ('signed-up', 'Account made'), ('session-ended', 'Session ended'), ('notification-failed', 'App not notified of a sign-out'), ('email-verified', 'Address verified'), ('password-changed', 'Password changed'), ('email-changed', 'Address changed'), ('email-restored', 'Address put back'), ('factor-added', 'Second factor added'), ('factor-removed', 'Second factor removed'), ('deletion-asked', 'Deletion asked for'), ('deletion-undone', 'Account kept'), ('consented', 'Access allowed'), ('consent-withdrawn', 'Access taken back'), ('reused', 'Used code or token came again'), ('registered', 'App registered itself'), ('created', 'Created'), ('changed', 'Changed'), ('deleted', 'Deleted'), ('admin-action', 'Operator’s action'), ('exported', 'Exported'), ('housekeeping-failed', 'Tidying failed')], max_length=20, verbose_name='kind'),
        ),
        migrations.AlterField(
            model_name='event',
            name='user',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='events', to=settings.AUTH_USER_MODEL, verbose_name='user'),
        ),
        migrations.AlterField(
            model_name='grant',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL, verbose_name='user'),
        ),
        migrations.AlterField(
            model_name='scope',
            name='description',
            field=models.CharField(blank=True, help_text='As users read it when they agree: “See which bread is baked today”.', max_length=300, verbose_name='what it lets an app do'),
        ),
        migrations.AlterField(
            model_name='client',
            name='application_type',
            field=models.CharField(choices=[('web', 'Web app or single-page app'), ('native', 'Native app')], default='web', max_length=10, verbose_name='application type'),
        ),
    ]
